"""Pictures that show where two pictures differ: pixels in, encoded bytes out."""
