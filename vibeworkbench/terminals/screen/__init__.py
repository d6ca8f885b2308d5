"""What a late member needs to see the screen as it is. Pure."""
