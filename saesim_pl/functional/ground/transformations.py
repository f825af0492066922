"""Changes of the compared sides to which a measure may be blind."""

SIDE_TRANSFORMATIONS = {
    "orthogonal": "rotating the space of one side",
    "column_permutation": "reordering the columns of one side; where columns are features, its features",
    "isotropic_scale": "multiplying one side by one positive number",
    "translation": "adding one row to all rows of one side",
    "invertible_linear": "multiplying the rows of one side by any invertible matrix",
    "row_permutation": "reordering the rows of one side, which undoes the pairing; where rows are features, "
    "its features",
}
"""Changes of one side while the other side is unchanged."""

TRANSFORMATIONS = SIDE_TRANSFORMATIONS | {
    "joint_row_permutation": "reordering the rows of both sides together, which keeps the pairing",
}
"""All transformations; every measure is blind to the last, of both sides."""
