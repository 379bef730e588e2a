"""The sandbox: real SSH hosts inside the project, each a process with an SSH server and a front."""
