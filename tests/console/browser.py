"""A browser without a window, driven by WebDriver: what the tests of the console share.

It notes what the page asked the network for and what stood in its console, so that a test can say: nothing
left this server, and nothing was complained about.
"""
import json
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

GIVE_UP_S = 30
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--lang=en-US")


def program(*names):
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    raise AssertionError(f"none of {', '.join(names)} is installed: scripts/install-deps test")


class Browser:
    def __init__(self, width=1280, height=900, dark=False):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = program("chromium", "chromium-browser", "google-chrome")
        for flag in (*FLAGS, f"--user-data-dir={self.folder.name}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(program("chromedriver")), options=options)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        if dark:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": "dark"}]})

        self.open("about:blank")
        self.requested()  # the browser's own first page does not count

    def close(self):
        self.driver.quit()
        self.folder.cleanup()

    def open(self, url):
        self.driver.get(url)

    # ---- looking -----------------------------------------------------------------------------

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def until(self, look, what):
        """The first true answer of look(); what is drawn anew meanwhile is looked at again."""
        limit = time.monotonic() + GIVE_UP_S
        while time.monotonic() < limit:
            try:
                found = look()
                if found:
                    return found
            except (StaleElementReferenceException, IndexError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"gave up waiting for {what}; the page says:\n{self.text()[:3000]}")

    def one(self, css, text=""):
        """The first element that is seen and holds the text."""
        return self.until(lambda: self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].find(e => e.checkVisibility()"
            " && (e.innerText ?? e.textContent).includes(arguments[1])) ?? null", css, text), f"{css} {text!r}")

    def gone(self, css):
        self.until(lambda: not self.all(css), f"no {css}")

    def text(self, css="body"):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText ?? e.textContent).join('\\n')", css)

    def sees(self, text, css="body"):
        self.until(lambda: text in self.text(css), f"{text!r} in {css}")

    # ---- doing -------------------------------------------------------------------------------

    def click(self, css, text=""):
        def try_it():
            element = self.one(css, text)
            try:
                element.click()
            except WebDriverException as reason:
                if "not clickable" in str(reason) or "intercepted" in str(reason):
                    return False
                raise
            return True
        self.until(try_it, f"a click on {css} {text!r}")

    def type(self, css, text):
        element = self.one(css)
        element.clear()
        element.send_keys(text)

    def choose(self, css, value):
        self.one(css)
        self.driver.execute_script(
            "const s = document.querySelector(arguments[0]); s.value = arguments[1];"
            "s.dispatchEvent(new Event('input', {bubbles: true}));"
            "s.dispatchEvent(new Event('change', {bubbles: true}))", css, value)

    def picture(self, path):
        self.driver.save_screenshot(str(path))

    # ---- what was noted ----------------------------------------------------------------------

    def requested(self):
        """The addresses of everything the pages asked for since the last look."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                parameters = message["params"]
                urls.append(parameters.get("request", parameters)["url"])
        return urls

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]
