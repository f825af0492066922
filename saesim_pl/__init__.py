"""Train sparse autoencoders and measure how similar their feature spaces are."""
