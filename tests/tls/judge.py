"""Servers with TLS, good and bad, and what privaflow makes of them. `judge.py PRIVAFLOW FOLDER`; the folder
holds the certificates that `run` made. Ends with 1 if anything is not as expected."""

import base64, http.server, json, os, pathlib, queue, socket, ssl, subprocess, sys, threading, urllib.request

PRIVAFLOW, FOLDER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
PASSWORD = "mail-password"
failures = []


def expect(what, is_so, seen=""):
    print(("ok   " if is_so else "BAD  ") + what)
    if not is_so:
        failures.append(what)
        print(f"     {seen}")


def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{certificate}.pem", FOLDER / "server.key")
    return context


class Refusing(http.server.BaseHTTPRequestHandler):
    """A service that knows nobody: enough to see whether it was reached."""

    def do_POST(self):
        self.send_response(401)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


def service(certificate):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.handle_error = lambda *_: None
    if certificate:
        server.socket = tls(certificate).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Mail:
    """A mail server that tells what it took: whether over TLS, whether it knew who sent it, and the text."""

    def __init__(self, certificate, at_once=False, offers=True):
        self.context, self.at_once, self.offers = tls(certificate), at_once, offers
        self.taken, self.tried, self.bare = queue.Queue(), queue.Queue(), False
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            connection, _ = listener.accept()
            try:
                self.talk(connection)
            except OSError:
                pass
            self.tried.put(True)
            connection.close()

    def talk(self, connection):
        is_secret = self.at_once
        if is_secret:
            connection = self.context.wrap_socket(connection, server_side=True)
        lines = connection.makefile("rwb", 0)
        say = lambda *words: lines.write("".join(f"{word}\r\n" for word in words).encode())
        say("220 mail.example ESMTP")
        is_known = False
        while line := lines.readline().decode().strip():
            match line.split()[0].upper():
                case "EHLO":
                    more = ["250-STARTTLS"] if self.offers and not is_secret else []
                    say("250-mail.example", *more, "250-AUTH PLAIN", "250 8BITMIME")
                case "STARTTLS":
                    say("220 go on")
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines, is_secret = connection.makefile("rwb", 0), True
                case "AUTH":
                    self.bare |= not is_secret
                    is_known = PASSWORD.encode() in base64.b64decode(line.split()[-1])
                    say("235 welcome" if is_known else "535 no")
                case "DATA":
                    say("354 go on")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += lines.readline()
                    self.taken.put((is_secret, is_known, text.decode()))
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 fine")


def privaflow(folder, *arguments, trusts=None):
    environment = {**os.environ, "KEY": "key", "MAIL": PASSWORD}
    if trusts:
        environment["SSL_CERT_FILE"] = str(FOLDER / trusts)
    return dict(args=[PRIVAFLOW, *arguments], cwd=folder, env=environment, text=True)


def profile(what, port, words, trusts=None, more=""):
    folder = FOLDER / f"profile-{port}-{len(more)}"
    folder.mkdir()
    (folder / "privaflow.yaml").write_text(
        f"profiles: {{ p: {{ system: braze, host: 'localhost:{port}', token: {{ env: KEY }}{more} }} }}"
    )
    shot = subprocess.run(**privaflow(folder, "profiles", "test", trusts=trusts), capture_output=True)
    expect(f"a service {what}", words in shot.stdout and shot.returncode == 3, shot.stdout + shot.stderr)


def mail(what, server, way, is_sent, trusts="authority.pem"):
    folder = FOLDER / f"mail-{server.port}"
    (folder / "workflows").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "privaflow.yaml").write_text(
        f"""workflows: workflows
server: {{ listen: '127.0.0.1:{port}' }}
profiles: {{ braze: {{ system: braze, scheme: http, host: '127.0.0.1:9', token: {{ env: KEY }} }} }}
hooks: {{ requests: {{ shape: record, auth: {{ bearer: {{ env: KEY }} }} }} }}
notify:
  mail:
    smtp: {{ host: 'localhost:{server.port}', {way}username: u, password: {{ env: MAIL }}, from: a@example.com, to: [b@example.com] }}
    window: 1s
"""
    )
    (folder / "workflows/w.yaml").write_text(
        "workflow: w\non: { webhook: { hook: requests } }\nnotify: { on: [failure], to: [mail] }\nprofiles: { braze: braze }\nsteps:\n"
        "  - assert: has(subject.external_id)\n"
        "  - uses: braze/email.status\n"
        "    with: { email: [b@example.com], subscription_state: unsubscribed }\n"
    )
    serving = subprocess.Popen(**privaflow(folder, "serve", trusts=trusts), stderr=subprocess.PIPE)
    said = []
    for line in serving.stderr:
        said.append(line)
        if "listening on" in line:
            break
    reading = threading.Thread(target=lambda: said.extend(serving.stderr), daemon=True)
    reading.start()
    body = json.dumps({"id": "1", "kind": "other", "subject": {"email": "marker@example.com"}}).encode()
    headers = {"authorization": "Bearer key", "content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/hooks/requests", body, headers)).read()
    try:
        server.tried.get(timeout=30)
        taken = None if server.taken.empty() else server.taken.get()
    except queue.Empty:
        taken = "nothing tried"
    serving.terminate()
    serving.wait(timeout=30)
    reading.join(timeout=30)
    seen = f"{taken} {''.join(said)}"
    if is_sent:
        is_so = isinstance(taken, tuple) and taken[:2] == (True, True) and "1 failed" in taken[2]
    else:
        is_so = taken is None and "did not take a message" in seen
    expect(f"mail {what}", is_so and not server.bare and "marker" not in seen and PASSWORD not in seen, seen)


own = f", ca_file: '{FOLDER / 'authority.pem'}'"
profile("of an own authority that is named is reached", service("good"), "credentials rejected", more=own)
profile("of an own authority of the system is reached", service("good"), "credentials rejected", "authority.pem")
profile("of an authority that nobody named is not trusted", service("good"), "name that in `ca_file`")
profile("with a certificate for another name is told", service("other"), "is for another name", more=own)
profile("with a certificate of another year points to the clock", service("old"), "check the clock", more=own)
profile("without TLS is told", service(None), "does not speak TLS", more=own)

mail("goes out over STARTTLS", Mail("good"), "", True)
mail("goes out over TLS from the start", Mail("good", at_once=True), "tls: always, ", True)
mail("stays where nobody stands for the server", Mail("good"), "", False, trusts=None)
mail("stays where the server has another name", Mail("other"), "", False)
mail("stays, and the password too, where STARTTLS was taken away", Mail("good", offers=False), "", False)
print(f"{len(failures)} of 11 not as expected" if failures else "TLS: 11 of 11 as expected")
sys.exit(bool(failures))
