"""Who may use which project: every request of both API versions passes here first."""

from starlette.requests import Request

from reconciler.emulator.failures import Failure
from reconciler.emulator.iam import TokenExpiredError, Tokens, TokenUnknownError
from reconciler.emulator.signing import ALGORITHM, Keys, SignatureError, Signed

_GATEWAY = "Incorrect IAM authentication information"


class Admission:
    """Lets in who brings a token or a signature; with both, the token counts."""

    def __init__(self, tokens: Tokens, keys: Keys) -> None:
        self._tokens = tokens
        self._keys = keys

    async def admit(self, request: Request) -> str:
        """The project that the request may use; a Failure says why it may not."""
        token = request.headers.get("x-auth-token", "")
        signed = request.headers.get("authorization", "").startswith(ALGORITHM)
        project = await self._of_signature(request) if signed and not token else self._of(token)
        if request.path_params["project_id"] != project:
            message = "The project id in the request URL does not match the token."
            raise Failure(403, "ModelArts.0210", message)
        return project

    def _of(self, text: str) -> str:
        if not text:
            raise Failure(401, "APIG.0301", f"{_GATEWAY}: x-auth-token not found")
        try:
            token = self._tokens.check(text)
        except TokenUnknownError as error:
            raise Failure(401, "APIG.0301", f"{_GATEWAY}: decrypt token fail") from error
        except TokenExpiredError as error:
            message = "Invalid token header because the token has expired."
            raise Failure(401, "ModelArts.0202", message) from error
        if token.project is None:
            raise Failure(401, "ModelArts.0212", "The token does not contain a project.")
        return token.project.id

    async def is_signed(self, request: Request) -> bool:
        """Whether one of the keys has signed the request; no project is asked for."""
        try:
            await self._check_signature(request)
        except SignatureError:
            return False
        return True

    async def _check_signature(self, request: Request) -> None:
        signed = Signed(
            request.method,
            request.scope["raw_path"].decode("latin-1"),
            request.scope["query_string"].decode("latin-1"),
            {name.lower(): value for name, value in request.headers.items()},
            await request.body(),
        )
        self._keys.check(signed, self._tokens.clock())

    async def _of_signature(self, request: Request) -> str:
        try:
            await self._check_signature(request)
        except SignatureError as error:
            raise Failure(401, "APIG.0301", f"{_GATEWAY}: {error}") from error
        project = request.headers.get("x-project-id", "")
        if not project:
            raise Failure(401, "ModelArts.0212", "The request does not name a project.")
        return project
