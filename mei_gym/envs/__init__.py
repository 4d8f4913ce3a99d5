"""The environments and their shells: rules over one lane, and thin classes around them."""
