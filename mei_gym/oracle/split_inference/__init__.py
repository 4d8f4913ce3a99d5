"""SplitInference as the oracles see it: a request alone, and the choices worth trying."""
