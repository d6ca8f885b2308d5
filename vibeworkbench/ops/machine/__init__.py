"""Reading this machine: processes, mounts, limits; and hiding what nobody should read."""
