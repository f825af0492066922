"""Lightning callbacks that compare SAEs with each other, with ground truth and with chance."""

if __name__ != "saesim_pl.callbacks":
    raise ImportError(f"import this folder as saesim_pl.callbacks, not as {__name__}")
