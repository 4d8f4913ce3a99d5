"""Radio and mobility: how many bits a second a user gets, and at what transmit power."""
