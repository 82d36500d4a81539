"""What Tandem is measured by: the same questions put to it and to its neighbours, in turn, in one run."""
