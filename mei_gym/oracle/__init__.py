"""What no policy can beat, and what a policy that knew the future would do."""
