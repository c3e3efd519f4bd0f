-- Starts sagas and awaits their end; an answer that shows another end is counted as bad.
local here = debug.getinfo(1, "S").source:match("@(.*/)") or "./"
dofile(here .. "report.lua")
bad = 0
local want = '"state":"' .. os.getenv("BENCH_STATE") .. '"'
local request_text

function init()
  local body = '{"definition":"' .. os.getenv("BENCH_KIND") .. '","input":{"order":"4711","customer":"Ada",'
    .. '"amount":299.99,"items":[{"item_id":"item1","quantity":2}]}}'
  request_text = wrk.format("POST", "/api/v1/sagas?wait=30s", { ["Content-Type"] = "application/json" }, body)
end

function request() return request_text end

function response(status, _, body)
  if status ~= 201 or not body:find(want, 1, true) then bad = bad + 1 end
end
