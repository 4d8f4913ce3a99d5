"""What the world is: scenarios as validated YAML, resolved to one frozen object."""
