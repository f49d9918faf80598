"""The demo channel: a test picture with a clock, sent through the real RTMP door."""
