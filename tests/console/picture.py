#!/usr/bin/env python3
"""picture FILE.png: the picture of the console in the docs, taken from a real server with the sample sagas'
services (examples/town)."""
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
os.environ.setdefault("SKALD", str(ROOT / "build/release/bin/skald"))
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
from browser import Browser  # noqa: E402
from skald_world import Participant, Server  # noqa: E402

INPUT = {"traveller": {"name": "Ada Lovelace", "email": "ada@example.com"}, "flight": "SK 1815", "hotel": "Analytical",
         "car": "small", "insurance": True, "amount": 480}


def main(target):
    town = Participant()
    for path in ("/travellers/checks", "/flights", "/hotels", "/cars", "/insurances", "/mails"):
        town.on(path, lambda request: (200, {"id": request.path.split("/")[1][:-1] + "-7"}))
    town.on("/payments", [(422, {"error": {"code": "no_funds", "message": "the card is empty"}})])
    slow = [(200, {"id": "hotel-7"}), (503, {"error": {"code": "busy"}}, {"Retry-After": "90"})]
    town.on("/hotels", slow)
    text = (ROOT / "examples/travel-booking/travel-booking.saga.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder, Server(folder, store="memory:") as server:
        reply = server.define(text.replace("${TOWN_URL:-http://127.0.0.1:8091}", town.url))
        assert reply.status == 201, reply.body
        server.start(definition="travel-booking", id="trip-1815", business_key="ada", tags=["web"], input=INPUT)
        server.when("trip-1815", lambda saga: any(step["id"] == "book-hotel" and step["compensation"]
                                                  for step in saga["steps"]), "an undo waits")
        browser = Browser(1280, 860)
        try:
            browser.open(f"{server.url}/#/saga/trip-1815")
            browser.sees("compensating", "header .state")
            browser.sees("saga.accepted", ".timeline")
            browser.driver.execute_script("document.activeElement.blur()")
            browser.picture(target)
        finally:
            browser.close()
    town.close()
    print(f"{target}: {pathlib.Path(target).stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
