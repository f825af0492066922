"""Tools of all families: checks of inputs, blocks within a memory budget, threads, spectra."""
