"""The demo channel: a test picture with a clock, published over RTMP like any other."""
