"""A recording: both lanes at their true time, every sample accounted for, readable at every moment."""

import asyncio
import io
import random
import shutil
import threading
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.voice.codecs import audioop, silence, width
from hub.voice.lanes import KEPT_SECONDS, Lane
from hub.voice.peaks import Peaks, kept_at, peaks, read_peaks
from hub.voice.recorder import Recorder
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_48K, Format
from hub.voice.wav import Which, extent, header, lane, lane_size

PCM_8K = Format("pcm16", 8000)
FORMATS = [MULAW_8K, PCM_8K, PCM_16K, PCM_48K]
pytestmark = pytest.mark.anyio
START = 1000.0  # of the monotonic clock


def file_rate(format: Format) -> int:
    return min(format.rate, 16000)


def loud(format: Format, milliseconds: float, value: int = 8000) -> bytes:
    samples = np.full(round(format.rate * milliseconds / 1000), value, "<i2").tobytes()
    return samples if format.codec == "pcm16" else audioop.lin2ulaw(samples, 2)


def both(path: Path) -> np.ndarray:
    """The samples, of shape (n, 2), as any reader of WAV finds them."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        audio = file.readframes(file.getnframes())
        assert len(audio) == file.getnframes() * 4
    return np.frombuffer(audio, "<i2").reshape(-1, 2)


def found_at(samples: np.ndarray, rate: int) -> list[float]:
    """Where sound begins after at least 50 ms of quiet, in ms."""
    where = np.nonzero(np.abs(samples.astype(int)) > 2000)[0]
    begins = where[np.diff(where, prepend=-rate) > rate // 20]
    return [begin * 1000 / rate for begin in begins]


def assert_accounted_for(recorder: Recorder, samples: np.ndarray) -> None:
    for part in (recorder.customer_lane, recorder.others_lane):
        kept = (part.given - part.dropped + part.filled) * recorder.rate / part.rate
        assert kept == pytest.approx(len(samples), abs=1)
    assert recorder.lost == 0
    assert recorder.fault == ""


@pytest.mark.parametrize("format", FORMATS)
def test_after_ten_minutes_of_jitter_loss_and_repetition_every_click_is_at_its_time(
    tmp_path: Path, format: Format
) -> None:
    asyncio.run(_ten_minutes(tmp_path / "call.wav", format, drift=0))


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_a_senders_clock_that_runs_wrong_is_followed(tmp_path: Path, drift: float) -> None:
    asyncio.run(_ten_minutes(tmp_path / "call.wav", MULAW_8K, drift=drift))


async def _ten_minutes(path: Path, format: Format, drift: float) -> None:
    """Frames of 20 ms each way, a click every second. `drift`: how much faster the sender's clock runs."""
    rng, recorder = random.Random(3), Recorder(path, file_rate(format), format, START)
    quiet, click = silence(format, 20), loud(format, 20)
    arriving: list[tuple[float, int, bytes]] = []
    true_customer, true_others = [], []
    for index in range(30_000):
        at = index * 0.02
        sound = click if index % 50 == 7 else quiet
        if rng.random() < 0.01:
            continue
        if sound is click:
            true_customer.append(at * 1000)
        for _ in range(2 if rng.random() < 0.01 else 1):
            arriving.append((START + at + 0.02 + rng.uniform(0, 0.03), round(at * 1000 * (1 + drift)), sound))
    arriving.sort(key=lambda frame: frame[0])
    position = 0
    for index in range(30_000):
        end = START + (index + 1) * 0.02
        while position < len(arriving) and arriving[position][0] <= end:
            arrived, at_ms, sound = arriving[position]
            recorder.customer(sound, at_ms, arrived)
            position += 1
        if index % 500 >= 100:  # others pause for two seconds in ten
            if index % 50 == 31:
                true_others.append(index * 20.0)
            recorder.others(click if index % 50 == 31 else quiet, end + rng.uniform(0, 0.002))
        if index % 50 == 49:
            await recorder.flush(end)
    await recorder.close(START + 600)
    samples = both(path)
    rate = recorder.rate
    assert len(samples) / rate == pytest.approx(600, abs=0.1)
    for side, expected in enumerate((true_customer, true_others)):
        found = found_at(samples[:, side], rate)
        assert len(found) == len(expected)
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 20
    assert_accounted_for(recorder, samples)
    assert recorder.customer_lane.dropped < 0.02 * recorder.customer_lane.given
    assert read_peaks(path) == peaks(path)


async def test_neighbouring_stretches_join_without_a_gap(tmp_path: Path) -> None:
    recorder, rng = Recorder(tmp_path / "call.wav", 8000, MULAW_8K, START), random.Random(1)
    at, position, ramp = START, 0, np.arange(-16000, 16000, 4).astype("<i2").tobytes()
    while position < 8000:
        count = min(rng.randrange(100, 900), 8000 - position)
        at += count / 8000
        recorder.others(
            audioop.lin2ulaw(ramp, 2)[position : position + count], at + rng.uniform(0, 0.05 if position else 0)
        )
        position += count
    await recorder.close(at)
    expected = audioop.ulaw2lin(audioop.lin2ulaw(ramp, 2), 2)
    assert both(tmp_path / "call.wav")[:8000, 1].tobytes() == expected
    assert recorder.others_lane.dropped == 0


@pytest.mark.parametrize("begin_ms", [0, 10, 50, 55, 300])
async def test_the_first_sound_of_all_is_at_its_time(tmp_path: Path, begin_ms: int) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, PCM_8K, START)
    for index in range(10):
        end = START + (begin_ms + 20 * (index + 1)) / 1000
        recorder.others(loud(PCM_8K, 20), end)
        recorder.customer(loud(PCM_8K, 20), -1, end)
    await recorder.close(START + 1)
    samples = both(tmp_path / "call.wav")
    assert found_at(samples[:, 0], 8000) == found_at(samples[:, 1], 8000) == [pytest.approx(begin_ms, abs=0.2)]
    assert np.count_nonzero(samples) == 2 * 1600


async def test_what_is_played_always_a_little_late_is_put_right(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, PCM_8K, START)
    recorder.others(loud(PCM_8K, 20), START + 0.02)
    for index in range(1, 100):  # a pause of 50 ms that is too short to be told from jitter
        recorder.others(silence(PCM_8K, 20), START + 0.07 + index * 0.02)
    recorder.others(loud(PCM_8K, 20), START + 0.07 + 100 * 0.02)
    await recorder.close(START + 3)
    assert found_at(both(tmp_path / "call.wav")[:, 1], 8000) == [0, pytest.approx(2050, abs=2)]


async def test_sound_without_a_senders_time_is_placed_when_it_comes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 16000, PCM_16K, START)
    for at in (0.02, 0.05, 0.055, 1.0):
        recorder.customer(loud(PCM_16K, 20), -1, START + at)
    await recorder.close(START + 2)
    left = both(tmp_path / "call.wav")[:, 0]
    assert found_at(left, 16000) == [0, 980]
    assert np.count_nonzero(left[: 16 * 70]) == 16 * 60
    assert len(left) == 32000


async def test_an_impossible_senders_time_does_not_move_the_sound(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, MULAW_8K, START)
    times = {40: 999_999_999, 110: 0}
    for index in range(200):
        sound = loud(MULAW_8K, 20) if index in (40, 100, 180) else silence(MULAW_8K, 20)
        at_ms = times.get(index, index * 20 + (500_000 if index > 120 else 0))  # later its clock is set anew
        recorder.customer(sound, at_ms, START + (index + 1) * 0.02)
    await recorder.close(START + 4)
    found = found_at(both(tmp_path / "call.wav")[:, 0], 8000)
    assert found == [pytest.approx(at, abs=1) for at in (800, 2000, 3600)]
    assert recorder.customer_lane.dropped == 0


async def test_frames_that_overtake_each_other_are_put_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, PCM_8K, START)
    for at_ms, value, arrived in ((0, 3000, 20), (40, 5000, 61), (20, 4000, 62), (20, 9000, 63), (60, 6000, 80)):
        recorder.customer(loud(PCM_8K, 20, value), at_ms, START + arrived / 1000)
    await recorder.close(START + 0.08)
    left = both(tmp_path / "call.wav")[:, 0]
    assert left.tolist() == [value for value in (3000, 4000, 5000, 6000) for _ in range(160)]
    assert (recorder.customer_lane.given, recorder.customer_lane.dropped) == (800, 160)


async def test_what_comes_while_the_recording_is_set_up_is_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, MULAW_8K, START)
    for index in range(100):
        recorder.customer(loud(MULAW_8K, 20), 60 + index * 20, START + index * 0.02)
    await recorder.close(START + 2)
    assert both(tmp_path / "call.wav")[:, 0].all()
    assert recorder.customer_lane.dropped == 0


async def test_a_burst_after_a_stall_is_kept_at_its_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8000, MULAW_8K, START)
    for index in range(150):
        now = START + (index + 1) * 0.02
        if 50 < index < 110:
            now = START + 2.21  # 1.2 s of frames at once
        recorder.customer(loud(MULAW_8K, 20) if index % 10 == 0 else silence(MULAW_8K, 20), index * 20, now)
        if index % 25 == 0:
            await recorder.flush(min(now, START + 2.2))
    await recorder.close(START + 3)
    assert recorder.customer_lane.dropped == 0
    assert found_at(both(tmp_path / "call.wav")[:, 0], 8000) == [index * 200 for index in range(15)]


@pytest.mark.parametrize("format", FORMATS)
async def test_a_pause_keeps_the_time_and_nothing_of_what_is_said(tmp_path: Path, format: Format) -> None:
    recorder = Recorder(tmp_path / "call.wav", file_rate(format), format, START)
    for index in range(200):
        now = START + (index + 1) * 0.02
        if index == 50:
            recorder.pause(now - 0.01)
            recorder.pause(now)
            assert recorder.pauses == [[1010, 1010]]
        if index == 150:
            recorder.resume(now - 0.01)
            recorder.resume(now)
        recorder.customer(loud(format, 20), index * 20, now)
        recorder.others(loud(format, 20), now)
    await recorder.close(START + 4)
    samples, rate = both(tmp_path / "call.wav"), recorder.rate
    inside = samples[round(1.011 * rate) : round(3.009 * rate)]
    assert not inside.any() if format.rate != 48000 else np.abs(inside[rate // 100 : -rate // 100]).max() == 0
    assert (np.abs(samples[: round(1.009 * rate)].astype(int)) > 6000).mean() > 0.99
    assert (np.abs(samples[round(3.011 * rate) :].astype(int)) > 6000).mean() > 0.99
    assert recorder.pauses == [[1010, 3010]]
    assert recorder.duration_ms == 4000
    assert_accounted_for(recorder, samples)


async def test_while_it_grows_it_is_a_valid_file_that_misses_no_more_than_two_seconds(tmp_path: Path) -> None:
    path = tmp_path / "a" / "call.wav"
    recorder = Recorder(path, 8000, MULAW_8K, START)
    await recorder.flush(START)
    assert path.stat().st_mode & 0o777 == 0o600
    for index in range(500):
        now = START + (index + 1) * 0.02
        recorder.customer(loud(MULAW_8K, 20), index * 20, now)
        if index % 50 == 0:
            await recorder.flush(now)
            copy = Path(shutil.copy(path, tmp_path / "copy.wav"))
            samples = both(copy)
            assert len(samples) / 8000 >= (index + 1) * 0.02 - 2
            assert (samples[:, 0] != 0).all()
            assert recorder.duration_ms == extent(copy).duration_ms == len(samples) // 8
            assert recorder.waveform() == peaks(copy)
    await recorder.close(START + 10)
    assert len(both(path)) == 80000


async def test_a_customer_who_says_nothing_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorder = Recorder(path, 8000, MULAW_8K, START)
    for index in range(250):
        recorder.others(loud(MULAW_8K, 20), START + (index + 1) * 0.02)
    await recorder.flush(START + 5)
    assert extent(path).duration_ms == 3500
    await recorder.close(START + 5)


async def test_a_cancelled_run_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorder = Recorder(path, 8000, MULAW_8K, START)
    now = START
    running = asyncio.create_task(recorder.run(lambda: now, every=0.001))
    for index in range(100):
        now = START + (index + 1) * 0.02
        recorder.customer(loud(MULAW_8K, 20), index * 20, now)
        recorder.others(loud(MULAW_8K, 20), now)
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await recorder.close(now)
    await recorder.close(now)
    recorder.customer(loud(MULAW_8K, 20), 2000, now)
    samples = both(path)
    assert len(samples) == 16000
    assert (np.abs(samples) > 6000).all()


async def test_a_disk_that_stalls_costs_sound_and_no_memory(tmp_path: Path) -> None:
    path, gate = tmp_path / "call.wav", threading.Event()
    with ThreadPoolExecutor(1) as executor:
        recorder = Recorder(path, 8000, MULAW_8K, START, executor=executor)
        executor.submit(gate.wait)
        recorder.customer(loud(MULAW_8K, 20), 0, START + 0.02)
        stalled = asyncio.create_task(recorder.flush(START + 1))
        await asyncio.sleep(0)
        for index in range(1, 3000):
            recorder.customer(loud(MULAW_8K, 20), index * 20, START + (index + 1) * 0.02)
        assert recorder.customer_lane.dropped == pytest.approx((60 - KEPT_SECONDS) * 8000, abs=320)
        gate.set()
        await stalled
        await recorder.close(START + 60)
    samples = both(path)
    assert len(samples) == 60 * 8000
    assert np.count_nonzero(samples[:, 0]) == pytest.approx(KEPT_SECONDS * 8000, abs=320)
    assert_accounted_for(recorder, samples)


async def test_a_disk_that_refuses_is_told_and_disturbs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_text("not ours")
    recorder = Recorder(path, 8000, MULAW_8K, START)
    recorder.customer(loud(MULAW_8K, 1000), 0, START + 1)
    await recorder.close(START + 1)
    assert "exists" in recorder.fault
    assert recorder.lost == 8000
    assert path.read_text() == "not ours"


@given(data=st.data(), format=st.sampled_from([MULAW_8K, PCM_8K]))
@settings(max_examples=80, deadline=None)
def test_every_sample_is_accounted_for(data: st.DataObject, format: Format) -> None:
    """Whatever comes in whatever order and size: it is where it was put first, or counted as dropped."""
    piece, expected, tested = st.tuples(st.integers(0, 3000), st.integers(0, 400)), {}, Lane(format)
    got, wide = b"", width(format)
    for at, count in data.draw(st.lists(piece, max_size=30)):
        value = data.draw(st.integers(1, 100))
        before = tested.dropped
        tested.put(at, bytes([value]) * count * wide)
        free = [place for place in range(at, at + count) if place >= tested.base and place not in expected]
        kept = count - (tested.dropped - before)
        assert kept <= len(free)
        assert kept == len(free) or len(free) < count  # what finds its place free is never dropped
        runs = [place for place in free if place < free[0] + kept]
        expected.update(dict.fromkeys(runs, value))
        if data.draw(st.booleans()):
            got += tested.joined(tested.take(tested.base + data.draw(st.integers(0, 500))))
    got += tested.joined(tested.take(max(tested.end, tested.base)))
    quiet = silence(format, 1)[0]
    assert got[::wide] == bytes(expected.get(place, quiet) for place in range(len(got) // wide))
    assert len(got) == (tested.given - tested.dropped + tested.filled) * wide


def test_an_empty_piece_divides_no_gap() -> None:
    lane = Lane(MULAW_8K)
    lane.put(3, b"")
    lane.put(0, b"abcd")
    assert (lane.joined(lane.take(lane.end)), lane.dropped) == (b"abcd", 0)


def plain_peaks(samples: np.ndarray, stretch: int) -> list[list[int]]:
    begins = range(0, len(samples), stretch)
    return [
        [max(abs(int(sample)) for sample in samples[at : at + stretch, side]) * 100 // 32768 for at in begins]
        for side in range(2)
    ]


@given(data=st.data(), per_second=st.sampled_from([10, 50, 100]))
@settings(max_examples=30, deadline=None)
def test_peaks_are_the_loudest_samples_however_they_come(data: st.DataObject, per_second: int) -> None:
    samples = np.random.default_rng(5).integers(-32768, 32768, (4321, 2)).astype("<i2")
    samples[:2000] //= 50
    cuts = sorted(data.draw(st.lists(st.integers(0, 4321), max_size=8)))
    gathered = Peaks(8000, per_second)
    for begin, end in zip([0, *cuts], [*cuts, 4321], strict=True):
        gathered.add(samples[begin:end])
    got = gathered.waveform()
    assert [got["customer"], got["others"]] == plain_peaks(samples, 8000 // per_second)
    assert (got["rate"], got["per_second"], got["duration_ms"]) == (8000, per_second, 540)


def test_peaks_need_whole_stretches() -> None:
    with pytest.raises(ValueError, match="equal"):
        Peaks(8000, 33)


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Path, np.ndarray]:
    samples = np.random.default_rng(2).integers(-30000, 30000, (100_001, 2)).astype("<i2")
    path = tmp_path / "call.wav"
    path.write_bytes(header(8000, 2, 5) + samples.tobytes() + b"\x01")  # a header that is late, half a sample
    return path, samples


def test_peaks_of_a_file_are_those_of_its_sound(recording: tuple[Path, np.ndarray]) -> None:
    path, samples = recording
    got = read_peaks(path)
    assert [got["customer"], got["others"]] == plain_peaks(samples, 160)
    assert not kept_at(path).exists()


LANES: list[tuple[Which, Callable[[np.ndarray], np.ndarray]]] = [
    ("customer", lambda samples: samples[:, 0]),
    ("others", lambda samples: samples[:, 1]),
    ("mixed", lambda samples: samples.astype(int).sum(axis=1).clip(-32768, 32767).astype("<i2")),
]


@pytest.mark.parametrize(("which", "expected"), LANES, ids=[which for which, _ in LANES])
def test_a_lane_is_a_file_of_its_own(
    recording: tuple[Path, np.ndarray], which: Which, expected: Callable[[np.ndarray], np.ndarray]
) -> None:
    path, samples = recording
    whole = b"".join(lane(path, which))
    assert len(whole) == lane_size(path)
    with wave.open(io.BytesIO(whole)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8000, 100_001)
        assert file.readframes(100_001) == expected(samples).tobytes()


@given(start=st.integers(0, 200_100), length=st.none() | st.integers(0, 200_100), which=st.sampled_from(LANES))
@settings(max_examples=60, deadline=None)
def test_any_range_of_a_lane_is_what_the_whole_has_there(
    start: int, length: int | None, which: tuple[Which, Callable[[np.ndarray], np.ndarray]]
) -> None:
    samples = np.random.default_rng(2).integers(-30000, 30000, (100_001, 2)).astype("<i2")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        path.write_bytes(header(8000, 2, 100_001) + samples.tobytes())
        whole = header(8000, 1, 100_001) + which[1](samples).tobytes()
        end = None if length is None else start + length
        assert b"".join(lane(path, which[0], start, length)) == whole[start:end]


def test_what_was_promised_of_a_growing_file_is_what_is_given(recording: tuple[Path, np.ndarray]) -> None:
    path, samples = recording
    promised = extent(path)
    with path.open("r+b") as file:
        file.seek(promised.size)
        file.write(bytes(4000))
    assert len(b"".join(lane(path, "customer", known=promised))) == promised.lane_size
    assert extent(path).frames == len(samples) + 1000


@pytest.mark.parametrize("content", [b"", b"RIFF", header(8000, 1, 0), b"x" * 100])
def test_other_files_are_no_recordings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"recording|no sound"):
        lane(path, "mixed")
