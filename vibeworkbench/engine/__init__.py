"""The Docker Engine API as a client speaks it: shared by the server, which looks at its own machine, and the agent.

It knows nothing of either: frames, stats and facts are pure; ``client`` is the one door to the socket. Podman's
compatible API is spoken to in the same words.
"""
