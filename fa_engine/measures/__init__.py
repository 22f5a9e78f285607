"""What is measured of a step, and what each measure is called."""
