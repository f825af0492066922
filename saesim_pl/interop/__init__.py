"""SAEs and data from files: our own checkpoints and files of other libraries; no code in a file runs."""
