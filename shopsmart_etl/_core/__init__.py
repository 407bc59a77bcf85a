"""Internal modules that every area uses."""
