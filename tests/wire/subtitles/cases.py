"""Files of subtitles, for tests and as seeds of the fuzzer."""

from __future__ import annotations

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello <b>there</b>

2
00:00:03,000 --> 00:01:00,000
둘째 줄 & <script>alert(1)</script>
- 이어서
"""

WEBVTT = """WEBVTT - Title

STYLE
::cue { background: url(https://example.org/) }

NOTE a remark
--> with an arrow

intro
00:01.000 --> 00:02.500 align:start position:10%,line-left region:x line:-1
<v Bob>Hello <c.yellow>there</c>

01:00:00.000 --> 01:00:01.000
<00:19.000>&lt;b&gt; &amp; more

"""

SMI = """<SAMI>
<HEAD><TITLE>제목</TITLE>
<STYLE TYPE="text/css"><!--
P { margin-left:8pt; }
.KRCC { Name:한국어; lang:ko-KR; SAMIType:CC; }
.ENCC { Name:English; lang:en-US; SAMIType:CC; }
--></STYLE></HEAD>
<BODY>
<SYNC Start=1000><P Class=KRCC>
뷁 펲 똠<br><font color="red">둘째</font>
<SYNC Start=1000><P Class=ENCC>First
<SYNC Start=2500><P Class=KRCC>&nbsp;
<SYNC Start=3000><P Class=ENCC>&nbsp
<SYNC Start="4000"><P Class=KRCC>끝
</BODY>
</SAMI>
"""

SEEDS = [
    SRT.encode(),
    SRT.encode("cp949"),
    SRT.encode("utf-16"),
    WEBVTT.encode(),
    SMI.encode("cp949"),
    SMI.encode("utf-16-be"),
]
