"""Sentences: verdict, first limit, advice and assumptions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from madang.plan.advice import Recommendation
from madang.plan.formatting import Formatter
from madang.plan.growth import Growth
from madang.plan.labels import MEASURES, SERVICES, TOO_MANY, VERDICTS, Pair
from madang.plan.prediction import Prediction, Verdict

_ADVICE: Final[dict[str, Pair]] = {
    "contradiction_fits": (
        "{allowance} is {viewer_hours} viewer-hours at {rate}: the full {viewers} people use it up"
        " in {hours}. The month as asked needs {need}. With {measures} it needs {need_then} and"
        " fits: begin there. Without, {people} people at the peak are what is paid for.",
        "{allowance}는 {rate}로 시청 {viewer_hours}시간입니다. 최대 {viewers}명이면 {hours} 만에"
        " 다 씁니다. 요청한 한 달에는 {need}가 필요합니다. {measures}를 쓰면 {need_then}로 줄어"
        " 한도 안에 들어오니 여기서 시작하세요. 그대로라면 최대 {people}명까지가 요금 안입니다.",
    ),
    "contradiction": (
        "{allowance} is {viewer_hours} viewer-hours at {rate}: the full {viewers} people use it up"
        " in {hours}. The month as asked needs {need}. Even with {measures} it needs {need_then},"
        " {overage_usd} beyond the allowance: begin there, and either pay the rest, or be on the"
        " air less, or have {people} people at the peak.",
        "{allowance}는 {rate}로 시청 {viewer_hours}시간입니다. 최대 {viewers}명이면 {hours} 만에"
        " 다 씁니다. 요청한 한 달에는 {need}가 필요합니다. {measures}를 모두 써도 {need_then}로,"
        " 초과 요금이 {overage_usd}입니다. 여기서 시작하되 나머지는 요금을 내거나, 방송 시간을"
        " 줄이거나, 최대 시청자를 {people}명으로 낮추세요.",
    ),
    "adaptive": (
        "Let players choose among three renditions: about {rate} a viewer on average, and"
        " {hours} at the full audience.",
        "플레이어가 세 가지 화질 중에서 고르게 하세요. 시청자 한 명당 평균 {rate}가 되고, 최대"
        " 시청자로 {hours} 방송할 수 있습니다.",
    ),
    "peers": (
        "Let viewers carry half of it to each other: {hours} at the full audience.",
        "시청자끼리 절반을 나누게 하세요. 최대 시청자로 {hours} 방송할 수 있습니다.",
    ),
    "codec": (
        "Send H.265 or AV1 to those who can play it: about a third fewer bits at the same"
        " picture, {hours} at the full audience.",
        "재생할 수 있는 시청자에게는 H.265나 AV1로 보내세요. 같은 화질에 약 3분의 1이 줄고, 최대"
        " 시청자로 {hours} 방송할 수 있습니다.",
    ),
    "delivery": (
        "Let {name} send the pictures: {usd} for the whole month.",
        "영상 전송을 {name}에 맡기세요. 한 달 전체가 {usd}입니다.",
    ),
    "provider": (
        "The same month costs {usd} at {name}.",
        "같은 한 달이 {name}에서는 {usd}입니다.",
    ),
    "cheaper_shape": (
        "The shape {shape} carries this for {usd} a month.",
        "{shape} 구성이면 한 달 {usd}에 감당합니다.",
    ),
    "larger_shape": (
        "This shape is too small. {shape} carries it, for {usd} a month.",
        "이 구성으로는 부족합니다. {shape} 구성이 한 달 {usd}에 감당합니다.",
    ),
    "no_shape": (
        "No shape of the catalogue carries this. Ask for fewer than {viewers} people at once, or"
        " add a larger shape to your own catalogue.",
        "카탈로그의 어떤 구성도 감당하지 못합니다. 동시 시청자를 {viewers}명보다 줄이거나, 더 큰"
        " 구성을 직접 만든 카탈로그에 넣으세요.",
    ),
    "storage_full": (
        "{capacity} of storage are full after {months}: a month adds {recordings} of recordings"
        " and {files} of uploads. Keep recordings for fewer days, or delete old uploads.",
        "저장 공간 {capacity}가 {months} 뒤에 찹니다. 한 달에 녹화 {recordings}, 업로드 {files}가"
        " 늘어납니다. 녹화 보관 기간을 줄이거나 오래된 업로드를 지우세요.",
    ),
    "archive": (
        "Keep recordings in H.265: {bytes} less each month at the same picture.",
        "녹화를 H.265로 보관하세요. 같은 화질로 매달 {bytes}가 줄어듭니다.",
    ),
    "encoding_late": (
        "Background encoding needs {needed} core-hours a day and {idle} are idle: archive less,"
        " or give it a machine of its own.",
        "백그라운드 인코딩에 하루 {needed} 코어시간이 필요한데 남는 것은 {idle} 코어시간입니다."
        " 압축할 녹화를 줄이거나 전용 서버를 두세요.",
    ),
    "income": (
        "{short_usd} a month are lacking: {subscribers} more subscribers would cover it.",
        "한 달에 모자라는 돈은 {short_usd}입니다. 구독자가 {subscribers}명 늘면 메워집니다.",
    ),
    "all_is_well": (
        "Nothing needs changing: there is room in every respect.",
        "바꿀 것이 없습니다. 모든 면에서 여유가 있습니다.",
    ),
}

_USD: Final = {"usd", "overage_usd", "short_usd"}
_BYTES: Final = {"allowance", "need", "need_then", "recordings", "files", "capacity", "bytes"}


def advice(fmt: Formatter, item: Recommendation) -> str:
    filled = {name: _filled(fmt, name, value) for name, value in item.values.items()}
    return fmt.text(_ADVICE[item.key], **filled)


def _filled(fmt: Formatter, name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        text = value or ""
        if name != "measures":
            return text
        return ", ".join(fmt.text(MEASURES[part]) for part in text.split(","))
    if name in _USD:
        return fmt.money(value)
    if name in _BYTES:
        return fmt.size(value)
    if name == "rate":
        return fmt.rate(value)
    if name == "hours":
        return fmt.hours(value)
    if name == "months":
        return fmt.months(value)
    return fmt.number(value, 1 if name in {"needed", "idle"} else 0)


def service(fmt: Formatter, name: str) -> str:
    """Return the name of a service or a limit."""
    return fmt.text(SERVICES[name])


def verdict(fmt: Formatter, chosen: Prediction) -> str:
    """Return the verdict and its reasons."""
    worst = [c.name for c in chosen.checks if c.verdict is chosen.verdict]
    if chosen.verdict is Verdict.FAILS:
        return _lacking(fmt, worst)
    text = fmt.text(VERDICTS[chosen.verdict.value])
    if chosen.verdict is Verdict.HOLDS:
        return text + fmt.text(
            (": there is room in every respect.", ". 모든 면에서 여유가 있습니다.")
        )
    names = ", ".join(service(fmt, name) for name in worst)
    return fmt.text(("{text}: {names}.", "{text}: {names}."), text=text, names=names)


def _lacking(fmt: Formatter, worst: Sequence[str]) -> str:
    """Return of what there is not enough, and of what there is too much."""
    scarce = ", ".join(service(fmt, name) for name in worst if name not in TOO_MANY)
    crowded = ", ".join(service(fmt, name) for name in worst if name in TOO_MANY)
    parts = []
    if scarce:
        words = ("not enough {names}", "{names} 부족합니다")
        parts.append(fmt.text(words, names=_subject(fmt, scarce)))
    if crowded:
        words = ("too many {names}", "{names} 너무 많습니다")
        parts.append(fmt.text(words, names=_subject(fmt, crowded)))
    said = fmt.text((", ", ". ")).join(parts)
    return f"{said[0].upper()}{said[1:]}."


def _subject(fmt: Formatter, names: str) -> str:
    """Return names with the Korean particle of a subject, which depends on the last sound."""
    if fmt.language != "ko":
        return names
    last = ord(names[-1])
    closed = 0xAC00 <= last <= 0xD7A3 and (last - 0xAC00) % 28 > 0
    return f"{names}{'이' if closed else '가'}"


def first_limit(fmt: Formatter, chosen: Prediction) -> str:
    """Return the resource that runs out first when the audience grows."""
    limit = chosen.limits[0]
    name, people = service(fmt, limit.name), fmt.number(limit.people.value)
    if limit.name == "transfer":
        return fmt.text(
            (
                "Transfer gives way first: from {people} people at the peak on it costs extra.",
                "전송량이 가장 먼저 모자랍니다. 최대 {people}명을 넘으면 요금이 더 듭니다.",
            ),
            people=people,
        )
    return fmt.text(
        (
            "First to give way: {name}, at {people} people at once.",
            "가장 먼저 한계에 닿는 것: {name}, 동시 {people}명.",
        ),
        name=name,
        people=people,
    )


def until_full(fmt: Formatter, chosen: Prediction) -> str:
    """Return the time until the storage is full."""
    months = chosen.storage.until_full.value
    if math.isinf(months):
        return fmt.months(months)
    return fmt.text(("full after {n}", "{n} 뒤 가득"), n=fmt.months(months))


def growth_limits(fmt: Formatter, year: Growth) -> list[str]:
    """Return the month in which each shape becomes too small."""
    return [
        fmt.text(
            ("{name} is outgrown in month {n}.", "{name} 구성은 {n}개월째에 모자랍니다."),
            name=name,
            n=str(month),
        )
        for name, month in year.outgrown.items()
        if month is not None
    ]


def notes(fmt: Formatter, chosen: Prediction) -> list[str]:
    """Return the assumptions behind the numbers."""
    found = [
        fmt.text(
            (
                "Prices are list prices with their year: check before buying.",
                "요금은 해당 연도의 정가입니다. 사기 전에 확인하세요.",
            )
        )
    ]
    benchmarks = chosen.benchmarks
    if benchmarks.taken_at:
        found.append(
            fmt.text(
                ("Speeds measured on {machine}, {when}.", "속도는 {machine}에서 측정({when})."),
                machine=benchmarks.machine,
                when=benchmarks.taken_at,
            )
        )
    if benchmarks.reference:
        found.append(
            fmt.text(
                (
                    "Speeds that were not measured are built-in reference figures: madang bench"
                    " measures this machine.",
                    "재지 않은 속도는 기본 참고값입니다. madang bench로 이 서버를 잴 수 있습니다.",
                )
            )
        )
    if chosen.transfer.exhausted_at is not None:
        day, hour = divmod(chosen.transfer.exhausted_at, 24)
        early = chosen.transfer.need.value <= chosen.transfer.allowance.value
        found.append(
            fmt.text(
                (
                    "The allowance accrues hour by hour. More has been used than accrued on day"
                    " {day}, at {hour} o'clock"
                    + (", although the month as a whole would fit." if early else "."),
                    "제공량은 시간마다 쌓입니다. {day}일째 {hour}시에 쌓인 양보다 많이 쓰게 됩니다"
                    + ("(한 달 전체로는 들어맞습니다)." if early else "."),
                )
                if chosen.fleet.provider.accrual.value == "hourly"
                else (
                    "The allowance is used up on day {day}, at {hour} o'clock.",
                    "제공량은 {day}일째 {hour}시에 바닥납니다.",
                ),
                day=str(day + 1),
                hour=str(hour),
            )
        )
    if fmt.currency.code == "krw":
        found.append(
            fmt.text(
                ("$1 = ₩{rate} ({date}).", "1달러 = {rate}원({date})."),
                rate=fmt.number(fmt.currency.rate, 2),
                date=fmt.currency.date,
            )
        )
    return found
