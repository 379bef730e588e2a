"""What is about all of the circle: evidence read as a whole, paths, figures, pages, adoption."""
