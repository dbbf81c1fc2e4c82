"""Is *yours* right, and if not, what went wrong?"""
