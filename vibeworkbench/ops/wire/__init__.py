"""What ops says over the network: strict bodies in, and the bodies of REST and room messages out."""
