"""A suite of one environment outside mei_gym: its floors have the names of mei_gym's, and the shells find them."""
