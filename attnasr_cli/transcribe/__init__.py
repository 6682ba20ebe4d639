"""A run of ``attnasr transcribe``: which recordings to read, where to write, what is already
done."""
