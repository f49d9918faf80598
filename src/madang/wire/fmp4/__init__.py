"""Writer of fragmented MP4: init segments and fragments (ISO/IEC 14496-12, "ISO BMFF")."""

from madang.wire.fmp4.fragments import TrackRun, fragment
from madang.wire.fmp4.init import init_segment

__all__ = ["TrackRun", "fragment", "init_segment"]
