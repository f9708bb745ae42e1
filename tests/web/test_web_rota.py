from hypothesis import given
from hypothesis import strategies as st

from jpegslim.web.rota import Rota


def drain(rota):
    taken = []
    while (item := rota.take()) is not None:
        taken.append(item)
    return taken


def test_a_client_with_a_thousand_pictures_does_not_hold_up_one_with_two():
    rota = Rota()
    for number in range(1000):
        rota.add("many", ("many", number), urgent=False)
    for number in range(2):
        rota.add("few", ("few", number), urgent=False)
    first = [client for client, _ in drain(rota)[:4]]
    assert first == ["many", "few", "many", "few"]


def test_a_clients_single_picture_goes_before_its_own_batch():
    rota = Rota()
    for number in range(3):
        rota.add("one", number, urgent=False)
    rota.add("one", "single", urgent=True)
    assert drain(rota) == ["single", 0, 1, 2]


def test_what_is_removed_is_not_taken_and_its_lane_goes_with_it():
    rota = Rota()
    rota.add("one", "a", urgent=True)
    assert rota.remove("one", "a")
    assert not rota.remove("one", "a")
    assert rota.take() is None
    assert len(rota) == 0


def test_dropping_batches_leaves_the_single_pictures():
    rota = Rota()
    rota.add("one", "batch", urgent=False)
    rota.add("two", "single", urgent=True)
    rota.add("two", "batch", urgent=False)
    rota.drop_batches()
    assert drain(rota) == ["single"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_everything_is_taken_once_and_nobody_waits_longer_than_a_round(added):
    rota = Rota()
    for number, (client, urgent) in enumerate(added):
        rota.add(client, (client, number), urgent=urgent)
    assert len(rota) == len(added)
    waiting = {client: sum(who == client for who, _ in added) for client in "abc"}
    taken = drain(rota)
    assert sorted(taken) == sorted((client, number) for number, (client, _) in enumerate(added))
    since = dict.fromkeys("abc", 0)
    for client, _ in taken:
        for other in "abc":
            since[other] = 0 if other == client or not waiting[other] else since[other] + 1
            assert since[other] <= 2
        waiting[client] -= 1
