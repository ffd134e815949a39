"""Did it help? The same classifier with and without the augmented rows, and what the difference supports."""
