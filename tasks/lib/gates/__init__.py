"""What a deploy must pass before anything is changed: `every.GATES` lists all of the gates.

What the hosts themselves lack (`host`) is no opinion, and no gate that anybody could be let past.
"""
