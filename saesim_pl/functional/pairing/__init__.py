"""Which row of one side belongs to which row of the other."""
