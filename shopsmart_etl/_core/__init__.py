"""What every area is built on. Internal."""
