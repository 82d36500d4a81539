"""One file for each way a model can run; each speaks core events and hides its vendor."""
