"""SAEs and data from files: our own checkpoints and the files of other libraries; no code of them runs."""
