"""Signing in and out."""

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from web import auth
from web.auth import SESSION_COOKIE, SESSION_LASTS, TooManyAttempts
from web.pages import form as forms
from web.pages.page import AnyRequest, local_path, page

_WRONG = "That email and password do not belong together. Check both and try again."


@get("/signin", opt={"public": True})
async def show(request: AnyRequest) -> Template | Redirect:
    """The form; who is signed in already goes on."""
    after = local_path(request.query_params.get("next", ""))
    if request.scope.get("user") is not None:
        return Redirect(after, status_code=303)
    return _form(request, after)


@post("/signin", opt={"public": True}, status_code=303)
async def sign_in(request: AnyRequest) -> Response[object] | Template:
    """Check email and password; a new session, or the form again with what was wrong."""
    form = await forms.read(request)
    email, password, after = (form.raw(name) for name in ("email", "password", "next"))
    after = local_path(after)
    state = request.app.state
    network = request.client.host if request.client else ""
    if not email.strip() or not password or len(email) > 320 or len(password) > 1024:
        return _form(request, after, email[:320], "Type your email and your password.", 422)
    try:
        token = await auth.sign_in(state.store, email, password, network, state.clock.now())
    except TooManyAttempts as closed:
        answer = _form(request, after, email, _wait(closed.wait_seconds), 429)
        answer.headers["Retry-After"] = str(closed.wait_seconds)
        return answer
    if token is None:
        return _form(request, after, email, _WRONG, 401)
    made: Response[object] = Redirect(after, status_code=303)
    made.set_cookie(
        Cookie(
            key=SESSION_COOKIE,
            value=token,
            path="/",
            httponly=True,
            samesite="lax",
            secure=state.settings.secure,
            max_age=int(SESSION_LASTS.total_seconds()),
        )
    )
    return made


@post("/signout", opt={"roles": auth.EVERYONE}, status_code=303)
async def sign_out(request: AnyRequest) -> Redirect:
    """End this browser's session."""
    await auth.sign_out(request.app.state.store, request.cookies.get(SESSION_COOKIE, ""))
    made: Redirect = Redirect("/signin", status_code=303)
    made.delete_cookie(SESSION_COOKIE, path="/")
    return made


def _form(request: AnyRequest, after: str, email: str = "", error: str = "", status: int = 200) -> Template:
    return page(request, "signin/signin.html", status=status, next=after, email=email, error=error)


def _wait(seconds: int) -> str:
    shown = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return f"Too many tries. Wait {shown}, then try again."


HANDLERS = [show, sign_in, sign_out]
