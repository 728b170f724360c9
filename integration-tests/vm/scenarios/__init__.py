"""The stories that the lab plays. Each module says what it needs and which rows it fills in."""
