"""What a person keeps and reads: the proof and the training run as pages, tables of text and plots."""
