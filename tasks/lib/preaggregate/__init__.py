"""The phase pre-aggregate: the stack brought up, the service beside it, and the flow proven."""
