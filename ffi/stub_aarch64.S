# stub_x86_64.S for aarch64: see there for the layout of steps and data.

        .set    data, 0x200000

        .globl  _start
_start: mov     x20, #data
        add     x19, x20, #24

step:   ldr     x9, [x19, #8]
        ldp     x0, x1, [x19, #16]
        ldp     x2, x3, [x19, #32]
        ldp     x4, x5, [x19, #48]
        tbz     x9, #0, 1f
        ldr     x0, [x0]
1:      tbz     x9, #1, 2f
        ldr     x1, [x1]
2:      tbz     x9, #2, 3f
        ldr     x2, [x2]
3:      tbz     x9, #3, 4f
        ldr     x3, [x3]
4:      tbz     x9, #4, 5f
        ldr     x4, [x4]
5:      tbz     x9, #5, 6f
        ldr     x5, [x5]
6:      ldr     x8, [x19]
        tbnz    x8, #63, subtract
        svc     #0
result: ldr     x9, [x19, #64]
        cbz     x9, 1f
        str     x0, [x9]
1:      add     x10, x19, #96
        ldr     x9, [x19, #88]
        tbnz    x0, #63, negative
        cbnz    x0, next
        ldr     x9, [x19, #80]
        b       next
negative:
        stp     x19, x0, [x20]
        ldr     x10, [x20, #16]
        ldr     x9, [x19, #72]
next:   mov     x19, x9
        cbnz    x19, step
        mov     x19, x10
        b       step
subtract:
        sub     x0, x0, x1
        b       result
