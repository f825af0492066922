"""What all families share: checks of inputs, blocks within a memory budget, threads, spectra."""
