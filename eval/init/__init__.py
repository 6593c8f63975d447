"""`python -m eval init`: a label-free dataset from someone's own papers, by rules alone."""
