"""Sites: the lattice against the rules' own, random sites against their law, a real city's, and bad files."""

import math
import re

import numpy as np
import pytest

from mei_gym.network.topology import hexagonal_sites, poisson_sites, sites_of, sites_of_file


def nearest_neighbours_m(sites):
    places = np.stack(sites, axis=1)
    apart_m = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart_m, np.inf)
    return apart_m.min(axis=1)


def test_one_ring_is_a_site_and_its_six_neighbours_counterclockwise():
    x_m, y_m = hexagonal_sites(1, 200.0)
    assert (x_m[0], y_m[0]) == (0.0, 0.0)
    angles = np.arange(6) * math.pi / 3.0
    np.testing.assert_allclose(x_m[1:], 200.0 * np.cos(angles), atol=1e-12)
    np.testing.assert_allclose(y_m[1:], 200.0 * np.sin(angles), atol=1e-12)


def test_rings_hold_six_sites_more_each_and_every_site_is_a_distance_from_its_nearest():
    for rings in (0, 1, 2, 4):
        assert len(hexagonal_sites(rings, 500.0).x_m) == 1 + 3 * rings * (rings + 1)
    np.testing.assert_allclose(nearest_neighbours_m(hexagonal_sites(4, 500.0)), 500.0)


def test_random_sites_are_a_poisson_number_and_fill_the_rectangle():
    counts = [len(poisson_sites(1000.0, 500.0, seed, density_per_km2=40.0).x_m) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(20.0, rel=0.04)
    assert np.var(counts) == pytest.approx(20.0, rel=0.25)
    x_m, y_m = poisson_sites(1000.0, 500.0, 1, count=4000)
    for place, half_m in ((x_m, 500.0), (y_m, 250.0)):
        assert np.abs((np.sort(place) / half_m + 1.0) / 2.0 - np.linspace(0.0, 1.0, 4000)).max() < 0.03


def test_random_sites_are_as_far_from_their_nearest_as_independent_ones_are():
    """Mean distance to the nearest: 1 / (2 sqrt(density)), a little more where the border cuts neighbours off."""
    sites = poisson_sites(5000.0, 5000.0, 3, count=1000)
    assert nearest_neighbours_m(sites).mean() == pytest.approx(0.5 / math.sqrt(40e-6), rel=0.05)


def test_a_hard_core_keeps_sites_apart_and_their_number():
    sites = poisson_sites(1000.0, 1000.0, 5, count=100, least_distance_m=60.0)
    assert len(sites.x_m) == 100
    assert nearest_neighbours_m(sites).min() >= 60.0


def test_the_same_seed_gives_the_same_sites_and_another_others():
    np.testing.assert_array_equal(poisson_sites(9.0, 9.0, 1, count=5), poisson_sites(9.0, 9.0, 1, count=5))
    assert (poisson_sites(9.0, 9.0, 1, count=5).x_m != poisson_sites(9.0, 9.0, 2, count=5).x_m).all()


def test_no_draw_leaves_a_network_without_a_site():
    assert {len(poisson_sites(100.0, 100.0, seed, density_per_km2=1.0).x_m) for seed in range(50)} == {1}


def test_darmstadt_lies_where_it_was_measured(traces):
    sites = sites_of_file(traces / "darmstadt_cells.csv")
    assert len(sites.x_m) == 205
    assert np.median(nearest_neighbours_m(sites)) == pytest.approx(256.0, abs=2.0)
    assert np.ptp(sites.x_m) * np.ptp(sites.y_m) / 1e6 == pytest.approx(387.0, rel=0.015)  # computed on a rounder Earth
    assert sites.x_m.mean() == pytest.approx(0.0, abs=1e-6)


def test_a_box_and_thinning_leave_sites_for_edge_servers(traces):
    sites = sites_of_file(traces / "darmstadt_cells.csv", width_m=4000.0, height_m=3000.0, least_distance_m=300.0)
    assert 5 < len(sites.x_m) < 100
    assert np.abs(sites.x_m).max() <= 2000.0
    assert np.abs(sites.y_m).max() <= 1500.0
    assert nearest_neighbours_m(sites).min() >= 300.0


def test_a_degree_is_as_long_as_on_the_ellipsoid(tmp_path):
    """At 50 degrees north WGS84 has 111.229 km a degree of latitude and 71.696 km a degree of longitude."""
    file = tmp_path / "sites.csv"
    file.write_text("name,Latitude,Longitude\na,49.5,8.0\nb,50.5,9.0\n")
    sites = sites_of_file(file)
    np.testing.assert_allclose(sites.x_m, [-35848.0, 35848.0], atol=2.0)
    np.testing.assert_allclose(sites.y_m, [-55614.5, 55614.5], atol=2.0)


def test_metres_are_taken_as_they_are_and_centred(tmp_path):
    file = tmp_path / "sites.csv"
    file.write_bytes(b"\xef\xbb\xbfy_m, X_M ,height\r\n10,0,5\r\n\r\n30,100,7\r\n")
    sites = sites_of_file(file)
    assert sites.x_m.tolist() == [-50.0, 50.0]
    assert sites.y_m.tolist() == [-10.0, 10.0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has the columns of an empty file; x_m, y_m or longitude, latitude are needed."),
        ("x,y\n1,2\n", "has the columns x, y; x_m, y_m or longitude, latitude are needed."),
        ("x_m,y_m\n", "has no rows."),
        ("x_m,y_m\n1,2\n\n1,nan\n", "Line 4 of the site file sites.csv: y_m is 'nan'; a number within 1e+09 of 0"),
        ("x_m,y_m\n1,2\n1\n", "Line 3 of the site file sites.csv has no y_m."),
        ("longitude,latitude\n49.9,118.6\n", "sites.csv: latitude is '118.6'; a number within 90 of 0"),
        ("longitude,latitude\n8,50\n9,51\n120,51\n", "km apart; up to 500 km are accepted."),
        ('x_m,y_m\n1,"' + "2" * 200_000 + '"\n', "Line 2 of the site file sites.csv is no CSV: field larger than"),
        (b"x_m,y_m\n\xff\xfe,1\n", "is not text in UTF-8."),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_sites_is_refused_with_the_line_at_fault(tmp_path, text, sentence):
    file = tmp_path / "sites.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=re.escape(sentence)):
        sites_of_file(file)


def test_too_large_too_many_too_few_and_missing_files_are_refused(tmp_path, monkeypatch):
    file = tmp_path / "sites.csv"
    file.write_text("x_m,y_m\n" + "".join(f"{n},{n}\n" for n in range(5000)))
    with pytest.raises(ValueError, match=r"leaves 5000 sites; 1 to 4096 are accepted"):
        sites_of_file(file)
    assert len(sites_of_file(file, least_distance_m=10.0).x_m) == 625  # every eighth lies more than 10 m away
    file.write_text("x_m,y_m\n0,0\n100,100\n")
    with pytest.raises(ValueError, match=r"leaves 0 sites"):
        sites_of_file(file, width_m=10.0)
    with pytest.raises(ValueError, match=r"There is no site file"):
        sites_of_file(tmp_path / "none.csv")
    monkeypatch.setattr("mei_gym.network.topology.MOST_ROWS", 1)
    with pytest.raises(ValueError, match=r"has more than 1 rows\.$"):
        sites_of_file(file)
    monkeypatch.setattr("mei_gym.network.topology.LARGEST_FILE_BYTES", 8)
    with pytest.raises(ValueError, match=r"is larger than 8 bytes\.$"):
        sites_of_file(file)


def test_a_scenario_names_its_topology_and_gives_its_values():
    np.testing.assert_array_equal(
        sites_of("hexagonal", {"rings": 2, "site_distance_m": 300}), hexagonal_sites(2, 300.0)
    )
    values = {"width_m": 100.0, "height_m": 50, "seed": 4, "count": 3}
    np.testing.assert_array_equal(sites_of("poisson", values), poisson_sites(100.0, 50.0, 4, count=3))


@pytest.mark.parametrize(
    ("topology", "values", "sentence"),
    [
        ("hexagon", {}, "There is no topology 'hexagon'; did you mean 'hexagonal'?"),
        ("hexagonal", {"ring": 1}, "of the topology 'hexagonal' called 'ring'; did you mean 'rings'?"),
        ("hexagonal", {"rings": 1}, "The topology 'hexagonal' needs site_distance_m too."),
        ("hexagonal", {"rings": 1.5, "site_distance_m": 1}, "rings is 1.5; a whole number from 0 to 36 is accepted."),
        (
            "hexagonal",
            {"rings": 1, "site_distance_m": 0.0},
            "site_distance_m is 0.0; a finite positive number up to 500000 is accepted.",
        ),
        ("poisson", {"width_m": 9, "height_m": 9, "seed": 1}, "Random sites need either density_per_km2 or count"),
        (
            "poisson",
            {"width_m": 1000, "height_m": 1000, "seed": 1, "density_per_km2": 1e6},
            "density_per_km2 is 1000000.0; a finite positive number up to 2048 is accepted.",
        ),
        (
            "poisson",
            {"width_m": 100.0, "height_m": 100.0, "seed": 1, "count": 50, "least_distance_m": 40.0},
            "of 50 sites found room 40 m apart in 100 x 100 m; fewer sites or a smaller least_distance_m are accepted.",
        ),
        ("file", {"path": 3}, "path is 3; the name of a site file is accepted."),
    ],
)  # fmt: skip
def test_what_makes_no_network_is_refused_in_one_sentence(topology, values, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        sites_of(topology, values)
