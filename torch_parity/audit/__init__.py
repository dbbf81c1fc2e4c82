"""Could the proof fail, and what does it cover?"""
