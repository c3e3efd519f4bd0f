-- The same request to limit-http, whose answer has the size of one and no state.
local here = debug.getinfo(1, "S").source:match("@(.*/)") or "./"
dofile(here .. "report.lua")
bad = 0
local request_text

function init()
  local body = '{"definition":"' .. os.getenv("BENCH_KIND") .. '","input":{"order":"4711","customer":"Ada",'
    .. '"amount":299.99,"items":[{"item_id":"item1","quantity":2}]}}'
  request_text = wrk.format("POST", "/api/v1/sagas?wait=30s", { ["Content-Type"] = "application/json" }, body)
end

function request() return request_text end

function response(status)
  if status ~= 201 then bad = bad + 1 end
end
