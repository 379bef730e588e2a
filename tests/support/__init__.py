"""What the tests of whole phases share: a scratch project, a small service, and `inv` as people run
it."""
